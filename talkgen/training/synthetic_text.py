# ruff: noqa: E501  (wide letters count double)
"""Own text for synthetic speech: a few sentences a language, numbers, and made-up words.

Made-up words come from a letter chain of order two over the sentences of the language: nonsense
that keeps its letter patterns, with far more sound sequences than the sentences have. Numbers are
written as digits, which espeak-ng reads out in the language of the voice.
"""

from __future__ import annotations

from collections import defaultdict

import numpy as np

SENTENCES: dict[str, str] = {
    "en": "The baker put a warm apple pie beside the open window. My brother plays the piano every "
    "Monday evening. We need more time to compare both maps before the boat leaves. Please bring "
    "me five small boxes from the attic. Nobody believed that the old bridge would hold. A very "
    "young fox jumped over the frozen river. She thought about the weather while they measured the "
    "garden. Members of the public may speak for two minutes. How far is the village from here? "
    "The usual pleasure of a quiet voyage made him laugh. People want jobs, peace and affordable "
    "health care. Good evening, and thank you for watching. Put the blue bowl on the table, then "
    "push the chair away. Who chose this enormous yellow house?",
    "de": "Der Bäcker brachte am Morgen frisches Brot und süße Brötchen. Meine Mutter möchte im "
    "Mai nach Bremen fahren. Über dem Fluss flogen fünf weiße Vögel. Wir brauchen mehr Zeit, um "
    "beide Pläne zu prüfen. Bitte öffne das Fenster, denn hier ist es ziemlich warm. Am Abend "
    "spielen die Kinder auf der Wiese. Ich weiß nicht, ob er heute noch kommt. Das alte Haus "
    "gehört meinem Onkel.",
    "fr": "Le boulanger apporte du bon pain chaque matin. Ma mère voudrait partir au bord de la "
    "mer. Nous avons besoin de plus de temps pour comparer les deux plans. Peux-tu ouvrir la "
    "fenêtre, il fait trop chaud. Un petit oiseau bleu chante dans le jardin. Elle a vu son frère "
    "jouer du piano hier soir. Je ne sais pas où se trouve la gare. Bonjour, voulez-vous boire un "
    "peu d'eau?",
    "es": "El panadero trae pan bueno por la mañana. Mi madre quiere viajar a Madrid en mayo. "
    "Necesitamos más tiempo para comparar los dos mapas. Por favor, abre la ventana, hace mucho "
    "calor. Un pequeño pájaro amarillo canta en el jardín. Nadie sabe dónde vive el viejo "
    "profesor. Mañana jugaremos al fútbol con mis amigos. ¿Quieres beber un vaso de agua fría?",
    "it": "Il fornaio porta il pane buono ogni mattina. Mia madre vuole andare al mare in maggio. "
    "Abbiamo bisogno di più tempo per confrontare le due mappe. Per favore, apri la finestra, fa "
    "molto caldo. Un piccolo uccello giallo canta nel giardino. Nessuno sa dove abita il vecchio "
    "professore. Domani giocheremo con gli amici. Vuoi bere un bicchiere di acqua?",
    "pt": "O padeiro traz pão bom todas as manhãs. Minha mãe quer viajar para o mar em maio. "
    "Precisamos de mais tempo para comparar os dois mapas. Por favor, abra a janela, está muito "
    "quente. Um pequeno pássaro amarelo canta no jardim. Ninguém sabe onde mora o velho professor. "
    "Amanhã vamos jogar bola com os amigos. Você quer beber um copo de água fria?",
    "nl": "De bakker brengt elke morgen vers brood. Mijn moeder wil in mei naar zee rijden. Wij "
    "hebben meer tijd nodig om beide kaarten te vergelijken. Doe het raam open, want het is hier "
    "erg warm. Een kleine gele vogel zingt in de tuin. Niemand weet waar de oude boer woont. "
    "Morgen spelen we buiten met onze vrienden. Wil je een glas koud water drinken?",
    "pl": "Piekarz przynosi dobry chleb każdego ranka. Moja mama chce pojechać nad morze w maju. "
    "Potrzebujemy więcej czasu, aby porównać obie mapy. Proszę, otwórz okno, jest bardzo ciepło. "
    "Mały żółty ptak śpiewa w ogrodzie. Nikt nie wie, gdzie mieszka stary profesor. Jutro będziemy "
    "bawić się z przyjaciółmi. Czy chcesz wypić szklankę zimnej wody?",
    "sv": "Bagaren kommer med gott bröd varje morgon. Min mamma vill åka till havet i maj. Vi "
    "behöver mer tid för att jämföra båda kartorna. Var snäll och öppna fönstret, det är mycket "
    "varmt. En liten gul fågel sjunger i trädgården. Ingen vet var den gamla läraren bor. I "
    "morgon spelar vi boll med våra vänner. Vill du dricka ett glas vatten?",
    "tr": "Fırıncı her sabah taze ekmek getirir. Annem mayıs ayında denize gitmek istiyor. İki "
    "haritayı karşılaştırmak için daha çok zamana ihtiyacımız var. Lütfen pencereyi aç, burası çok "
    "sıcak. Küçük sarı bir kuş bahçede ötüyor. Yaşlı öğretmenin nerede oturduğunu kimse bilmiyor. "
    "Yarın arkadaşlarımızla top oynayacağız. Bir bardak soğuk su içmek ister misin?",
    "cs": "Pekař nosí každé ráno dobrý chléb. Moje máma chce v květnu jet k moři. Potřebujeme více "
    "času, abychom porovnali obě mapy. Prosím, otevři okno, je tu velmi teplo. Malý žlutý pták "
    "zpívá v zahradě. Nikdo neví, kde bydlí starý profesor. Zítra budeme hrát míč s přáteli.",
    "fi": "Leipuri tuo joka aamu hyvää leipää. Äitini haluaa matkustaa meren rannalle. Tarvitsemme "
    "lisää aikaa, jotta voimme verrata karttoja. Avaa ikkuna, täällä on hyvin lämmin. Pieni "
    "keltainen lintu laulaa puutarhassa. Kukaan ei tiedä, missä vanha opettaja asuu. Huomenna "
    "pelaamme palloa ystävien kanssa.",
    "hu": "A pék minden reggel friss kenyeret hoz. Anyám májusban a tengerhez akar utazni. Több "
    "időre van szükségünk, hogy összehasonlítsuk a két térképet. Kérlek, nyisd ki az ablakot, "
    "nagyon meleg van. Egy kis sárga madár énekel a kertben. Senki sem tudja, hol lakik az öreg "
    "tanár.",
    "ro": "Brutarul aduce pâine bună în fiecare dimineață. Mama mea vrea să meargă la mare în mai. "
    "Avem nevoie de mai mult timp ca să comparăm cele două hărți. Te rog, deschide fereastra, este "
    "foarte cald. O pasăre mică și galbenă cântă în grădină. Nimeni nu știe unde locuiește "
    "profesorul.",
    "id": "Tukang roti membawa roti segar setiap pagi. Ibu saya ingin pergi ke pantai pada bulan "
    "Mei. Kami perlu lebih banyak waktu untuk membandingkan kedua peta. Tolong buka jendela, di "
    "sini panas sekali. Seekor burung kecil kuning bernyanyi di kebun. Besok kami bermain bola "
    "bersama teman.",
    "ru": "Пекарь каждое утро приносит свежий хлеб. Моя мама хочет в мае поехать к морю. Нам нужно "
    "больше времени, чтобы сравнить обе карты. Пожалуйста, открой окно, здесь очень жарко. "
    "Маленькая жёлтая птица поёт в саду. Никто не знает, где живёт старый профессор. Завтра мы "
    "будем играть.",
    "el": "Ο φούρναρης φέρνει κάθε πρωί καλό ψωμί. Η μητέρα μου θέλει να πάει στη θάλασσα τον "
    "Μάιο. Χρειαζόμαστε περισσότερο χρόνο. Παρακαλώ άνοιξε το παράθυρο, κάνει πολλή ζέστη. Ένα "
    "μικρό πουλί τραγουδά στον κήπο. Κανείς δεν ξέρει πού μένει ο γέρος δάσκαλος.",
    "hi": "माँ हर सुबह ताज़ी रोटी बनाती है। मेरा भाई शाम को बाज़ार जाता है। हमें और समय चाहिए। "
    "कृपया खिड़की खोलो, यहाँ बहुत गर्मी है। एक छोटी पीली चिड़िया बाग में गाती है। कल हम दोस्तों "
    "के साथ खेलेंगे।",
    "ja": "ぱんやさんは まいあさ おいしい ぱんを やきます。わたしの ははは うみへ いきたいです。まどを あけてください。"
    "ちいさな とりが にわで うたっています。あした ともだちと ぼーるで あそびます。みずを のみますか。",
    "cmn": "面包师每天早上做好吃的面包。我妈妈五月想去海边。请打开窗户，这里很热。一只小鸟在花园里唱歌。"
    "没有人知道老师住在哪里。明天我们和朋友一起玩。你要喝一杯水吗？",
    "ko": "빵집 아저씨는 매일 아침 빵을 굽습니다. 어머니는 오월에 바다에 가고 싶어합니다. 창문을 열어 주세요. "
    "작은 새가 정원에서 노래합니다. 내일 친구들과 놀 거예요. 물 한 잔 마실래요?",
    "vi": "Bác thợ làm bánh mì mỗi buổi sáng. Mẹ tôi muốn đi biển vào tháng năm. Chúng tôi cần "
    "thêm thời gian. Làm ơn mở cửa sổ, ở đây rất nóng. Một con chim nhỏ hót trong vườn.",
    "ar": "الخباز يحضر الخبز الطازج كل صباح. أمي تريد السفر إلى البحر. نحتاج إلى المزيد من الوقت. "
    "من فضلك افتح النافذة. طائر صغير يغني في الحديقة. غدا سنلعب مع الأصدقاء.",
    "sw": "Mwokaji huleta mkate mzuri kila asubuhi. Mama yangu anataka kwenda pwani mwezi wa tano. "
    "Tunahitaji muda zaidi. Tafadhali fungua dirisha, kuna joto sana. Ndege mdogo anaimba "
    "bustanini.",
}
"""Text of each language by its espeak-ng code; written for this project."""

_SPACELESS = ("ja", "cmn")


class TextMaker:
    """Sentences, numbers and made-up words of one language."""

    def __init__(self, language: str):
        self.text = SENTENCES[language]
        self._spaceless = language in _SPACELESS
        for stop in ".?!。？।":
            self.text = self.text.replace(stop, ".")
        self.sentences = [s.strip() for s in self.text.split(".") if s.strip()]
        self._next: dict[str, list[str]] = defaultdict(list)
        words = "".join(c for c in self.text.lower() if c.isalpha() or c.isspace() or c > "\u0300")
        for word in words.split():
            padded = "^^" + word + "$"
            for index in range(2, len(padded)):
                self._next[padded[index - 2 : index]].append(padded[index])

    def word(self, rng: np.random.Generator) -> str:
        """One made-up word."""
        for _ in range(20):
            state, letters = "^^", ""
            while len(letters) < 12:
                options = self._next[state]
                letter = options[rng.integers(len(options))]
                if letter == "$":
                    break
                letters += letter
                state = state[1] + letter
            if len(letters) >= (1 if self._spaceless else 3):
                return letters
        return letters

    def sentence(self, rng: np.random.Generator) -> str:
        """One real sentence, a run of made-up words, or digits."""
        kind = rng.random()
        if kind < 0.4:
            return self.sentences[rng.integers(len(self.sentences))] + "."
        if kind < 0.85:
            words = [self.word(rng) for _ in range(rng.integers(3, 9))]
            if rng.random() < 0.4:
                words.insert(len(words) // 2, ",")
            return " ".join(words) + "."
        return " ".join(str(rng.integers(10 ** rng.integers(1, 5))) for _ in range(3)) + "."
